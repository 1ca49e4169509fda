<?php
/**
 * Elementor Pro.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Forms are found by a part of a value, on the settings page only.

/**
 * Its forms are widgets on pages. Some themes fire its hook with an array of their own; those are ignored.
 */
final class Elementor_Pro extends Form_Plugin {

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'elementor-pro';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Elementor Pro';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'ELEMENTOR_PRO_VERSION' ) || class_exists( '\ElementorPro\Plugin' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'elementor_pro/forms/new_record', array( $this, 'on_record' ), 20, 2 );
	}

	/**
	 * A form was accepted and its own actions have run, whether they succeeded or not.
	 *
	 * @param \ElementorPro\Modules\Forms\Classes\Form_Record $record The entry.
	 */
	public function on_record( $record = null ) {
		$this->record_entry(
			function () use ( $record ) {
				if ( ! is_object( $record ) || ! method_exists( $record, 'get' ) || ! method_exists( $record, 'get_form_settings' ) ) {
					return null;
				}
				$entry = new Form_Entry( (string) $record->get_form_settings( 'id' ), (string) $record->get_form_settings( 'form_name' ) );
				$meta  = $record->get( 'meta' );
				if ( isset( $meta['page_url']['value'] ) ) {
					$entry->page_url = (string) $meta['page_url']['value'];
				}
				foreach ( (array) $record->get( 'fields' ) as $id => $field ) {
					$entry->fields[] = $this->read( $id, (array) $field );
				}
				return $entry;
			}
		);
	}

	/**
	 * A field with its value. "value" is sanitized, with several choices joined; "raw_value" is as posted, so that it is
	 * used only for lists, never for files, where it has paths on the server (Form_Record in
	 * modules/forms/classes/form-record.php).
	 *
	 * @param int|string $id    The field's id.
	 * @param array      $field The field.
	 * @return Form_Field
	 */
	private function read( $id, array $field ) {
		$key          = isset( $field['id'] ) ? (string) $field['id'] : (string) $id;
		$read         = new Form_Field( $key, isset( $field['title'] ) ? $field['title'] : '', isset( $field['type'] ) ? $field['type'] : '', isset( $field['value'] ) ? $field['value'] : '' );
		$read->kind   = Field_Types::kind( $read->type, $key );
		$read->format = Plain_Text::SANITIZED;
		if ( isset( $field['raw_value'] ) && is_array( $field['raw_value'] ) && in_array( $read->kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) ) {
			$read->value  = $field['raw_value'];
			$read->format = Plain_Text::TYPED;
			$read->kind   = Field_Types::CHOICES;
		}
		return $read;
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		$titles = array();
		foreach ( $this->widgets() as $id => $settings ) {
			$titles[ $id ] = isset( $settings['form_name'] ) ? (string) $settings['form_name'] : '';
		}
		return array_slice( $titles, 0, self::MOST_FORMS, true );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$widgets = $this->widgets();
		$fields  = array();
		foreach ( isset( $widgets[ $form_id ]['form_fields'] ) ? (array) $widgets[ $form_id ]['form_fields'] : array() as $field ) {
			// Default values are not stored: a text field has no type.
			$fields[] = new Form_Field( isset( $field['custom_id'] ) ? $field['custom_id'] : '', isset( $field['field_label'] ) ? $field['field_label'] : '', isset( $field['field_type'] ) ? $field['field_type'] : 'text' );
		}
		return $fields;
	}

	/**
	 * The settings of every form on a page.
	 *
	 * @return array[] By the form's id.
	 */
	private function widgets() {
		global $wpdb;
		$pages   = (array) $wpdb->get_col( $wpdb->prepare( "SELECT m.meta_value FROM {$wpdb->postmeta} m JOIN {$wpdb->posts} p ON p.ID = m.post_id WHERE m.meta_key = '_elementor_data' AND p.post_status IN ('publish', 'private') AND p.post_type <> 'revision' AND m.meta_value LIKE %s ORDER BY p.ID DESC LIMIT %d", '%' . $wpdb->esc_like( '"widgetType":"form"' ) . '%', self::MOST_FORMS ) );
		$widgets = array();
		foreach ( $pages as $json ) {
			$search = (array) json_decode( $json, true );
			while ( $search ) {
				$element = array_shift( $search );
				if ( isset( $element['widgetType'], $element['id'] ) && 'form' === $element['widgetType'] ) {
					$widgets[ $element['id'] ] = isset( $element['settings'] ) ? (array) $element['settings'] : array();
				}
				$search = array_merge( $search, isset( $element['elements'] ) ? (array) $element['elements'] : array() );
			}
		}
		return $widgets;
	}
}
