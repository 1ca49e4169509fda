<?php
/**
 * Jetpack Forms.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * The hook fires for spam, for entries in the trash, for previews, and for forms that do not store their entries; all
 * of them are skipped. A form is a post of its own, or a block in a page: then its id is that of the page.
 */
final class Jetpack_Forms extends Added_Form_Plugin {

	const FORM_POST = 'jetpack_form';
	const NOT_SENT  = array( 'spam', 'trash', 'jp-temp-feedback' );
	const TEST_META = '_feedback_is_test';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'jetpack';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Jetpack Forms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\Automattic\Jetpack\Forms\ContactForm\Contact_Form_Plugin', false ) || class_exists( '\Grunion_Contact_Form_Plugin', false );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'grunion_after_feedback_post_inserted', array( $this, 'on_inserted' ), 20, 4 );
	}

	/**
	 * An entry was stored (Contact_Form::process_submission() in src/contact-form/class-contact-form.php of its package).
	 *
	 * @param int     $entry_id The entry, a post.
	 * @param array   $fields   By field id: objects with value and get_attribute().
	 * @param bool    $is_spam  Whether it is spam.
	 * @param array   $about    With entry_permalink, the page, and entry_title, its title.
	 */
	public function on_inserted( $entry_id = 0, $fields = array(), $is_spam = false, $about = array() ) {
		$this->record_entry(
			function () use ( $entry_id, $fields, $is_spam, $about ) {
				$post = is_numeric( $entry_id ) && $entry_id > 0 ? get_post( (int) $entry_id ) : null;
				if ( ! $post || $is_spam || in_array( $post->post_status, self::NOT_SENT, true ) || get_post_meta( $post->ID, self::TEST_META, true ) ) {
					return null;
				}
				$title           = self::FORM_POST === get_post_type( (int) $post->post_parent ) ? get_the_title( (int) $post->post_parent ) : '';
				$title           = '' === $title && isset( $about['entry_title'] ) ? (string) $about['entry_title'] : $title;
				$entry           = new Form_Entry( (int) $post->post_parent, $title, (int) $post->ID );
				$entry->page_url = isset( $about['entry_permalink'] ) ? (string) $about['entry_permalink'] : '';
				foreach ( (array) $fields as $id => $field ) {
					if ( is_object( $field ) && is_callable( array( $field, 'get_attribute' ) ) ) {
						$entry->fields[] = $this->read( $id, $field );
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
		return $this->titles_of_posts( self::FORM_POST );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		return array();
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=jetpack-forms-admin#/responses?r=' . (int) $entry_id );
	}

	/**
	 * A field with its value, which went through sanitize_textarea_field().
	 *
	 * @param int|string $id    The field's id.
	 * @param object     $field The field.
	 * @return Form_Field
	 */
	private function read( $id, $field ) {
		$type         = (string) $field->get_attribute( 'type' );
		$value        = isset( $field->value ) ? $field->value : '';
		$read         = new Form_Field( $id, (string) $field->get_attribute( 'label' ), $type, $value );
		$read->format = Plain_Text::SANITIZED;
		// Its files are kept by WordPress.com, without an address.
		$read->has_address = 'file' !== $type;
		if ( 'checkbox' === $type ) {
			$read->kind = Field_Types::CHOICE;
		} elseif ( 'image-select' === $type ) {
			$read->kind  = Field_Types::CHOICES;
			$read->value = self::chosen_labels( $value );
		}
		return $read;
	}

	/**
	 * The labels of chosen images, which are posted as JSON.
	 *
	 * @param mixed $value One JSON text, or a list of them.
	 * @return string[]
	 */
	private static function chosen_labels( $value ) {
		$labels = array();
		foreach ( (array) $value as $one ) {
			$image    = is_string( $one ) ? json_decode( $one, true ) : $one;
			$labels[] = isset( $image['label'] ) && '' !== (string) $image['label'] ? (string) $image['label'] : ( isset( $image['selected'] ) ? (string) $image['selected'] : '' );
		}
		return array_values( array_filter( $labels, 'strlen' ) );
	}
}
