<?php
/**
 * Contact Form 7.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;

defined( 'ABSPATH' ) || exit;

/**
 * It keeps no entries and tells about every outcome. An entry counts when the form was accepted, also when the form's
 * own e-mail then failed: that is when it is needed most.
 */
final class Contact_Form_7 extends Form_Plugin {

	const ACCEPTED = array( 'mail_sent', 'mail_failed' );

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'contact-form-7';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Contact Form 7';
	}

	/**
	 * Whether it is there.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\WPCF7_ContactForm', false );
	}

	/**
	 * Listens to its entries.
	 */
	public function add_hooks() {
		add_action( 'wpcf7_submit', array( $this, 'on_submit' ), 20, 2 );
	}

	/**
	 * A form was sent in, with whatever outcome.
	 *
	 * @param \WPCF7_ContactForm $form   The form.
	 * @param array              $result With contact_form_id, status, message, posted_data_hash.
	 */
	public function on_submit( $form = null, $result = array() ) {
		$this->record_entry(
			function () use ( $form, $result ) {
				$submission = \WPCF7_Submission::get_instance();
				$status     = isset( $result['status'] ) ? $result['status'] : '';
				// "Do not store" is the site's own word for such forms; the outbox would store them.
				if ( ! $submission || ! in_array( $status, self::ACCEPTED, true ) || $submission->get_meta( 'do_not_store' ) ) {
					return null;
				}
				$entry           = new Form_Entry( $form->id(), $form->title() );
				$entry->page_url = (string) $submission->get_meta( 'url' );
				$posted          = (array) $submission->get_posted_data();
				foreach ( $form->scan_form_tags() as $tag ) {
					if ( '' !== (string) $tag->name && array_key_exists( $tag->name, $posted ) ) {
						$entry->fields[] = new Form_Field( $tag->name, $tag->name, $tag->type, $this->value( $tag, $posted[ $tag->name ] ) );
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		$titles = array();
		$forms  = \WPCF7_ContactForm::find(
			array(
				'posts_per_page' => self::MOST_FORMS,
				'order'          => 'DESC',
			)
		);
		foreach ( $forms as $form ) {
			$titles[ $form->id() ] = $form->title();
		}
		return $titles;
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$form   = \WPCF7_ContactForm::get_instance( $form_id );
		$fields = array();
		foreach ( $form ? $form->scan_form_tags() : array() as $tag ) {
			if ( '' !== (string) $tag->name ) {
				$fields[] = new Form_Field( $tag->name, $tag->name, $tag->type );
			}
		}
		return $fields;
	}

	/**
	 * What was filled in. A box of the kind "I object" means yes when it is not ticked.
	 *
	 * @param \WPCF7_FormTag $tag   The form-tag.
	 * @param mixed          $value What was posted.
	 * @return mixed
	 */
	private function value( $tag, $value ) {
		return Field_Types::is_consent( $tag->type ) && $tag->has_option( 'invert' ) ? empty( $value ) : $value;
	}
}
