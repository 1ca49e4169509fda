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
 * It stores no entries and fires for every outcome. An entry counts if the form was accepted, even if the form's own
 * e-mail failed.
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
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\WPCF7_ContactForm', false );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'wpcf7_submit', array( $this, 'on_submit' ), 20, 2 );
	}

	/**
	 * A form was submitted, with any outcome.
	 *
	 * @param \WPCF7_ContactForm $form   The form.
	 * @param array              $result With contact_form_id, status, message, posted_data_hash.
	 */
	public function on_submit( $form = null, $result = array() ) {
		$this->record_entry(
			function () use ( $form, $result ) {
				$submission = \WPCF7_Submission::get_instance();
				$status     = isset( $result['status'] ) ? $result['status'] : '';
				// A form with "do_not_store" must not be stored in the outbox either.
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
	 * The value. An inverted acceptance checkbox means yes when it is not checked.
	 *
	 * @param \WPCF7_FormTag $tag   The form-tag.
	 * @param mixed          $value The posted value.
	 * @return mixed
	 */
	private function value( $tag, $value ) {
		return Field_Types::is_consent( $tag->type ) && $tag->has_option( 'invert' ) ? empty( $value ) : $value;
	}
}
